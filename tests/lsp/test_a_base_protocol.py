"""Section A of the LSP check-list: headers, JSON-RPC, ids, answers. Numbers as there."""

from __future__ import annotations

import json
import time

import pytest

from tests.lsp.fixtures import ReadyServer, StartServer
from tests.lsp.raw_client import MEBIBYTE, RawClient, frame

# ru_maxrss counts the spawning process too, before it became the server.
FLAT = 400 * MEBIBYTE


def body(method: str = "workspace/executeCommand", identity: int = 77, **params: object) -> bytes:
    """Return an echo request as bytes."""
    content = params or {"command": "postil.test.echo", "arguments": ["header"]}
    return json.dumps({"jsonrpc": "2.0", "id": identity, "method": method, "params": content}).encode()


@pytest.mark.parametrize(
    "header",
    [
        "content-length:%d\r\n\r\n",
        "CONTENT-LENGTH :  %d \r\n\r\n",
        "Content-Length: %d\n\n",
        "cOnTeNt-LeNgTh:\t%d\r\n\r\n",
    ],
)
def test_lsp_01_header_names_in_any_case_and_blanks(client: RawClient, header: str) -> None:
    """A request is answered within a second whatever the spelling of its header."""
    client.echo()  # what the server imports on first use is no part of this
    content = body()
    client.send_bytes((header % len(content)).encode() + content)
    assert client.answer(77, timeout=1)["result"] == "header"
    client.check_clean()


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: 1000000000000",
        "Content-Length: 100000000000000000000",
        "Content-Length: " + "9" * 5000,
        "Content-Length: -1",
        "Content-Length: abc",
        "Content-Length: 0x10",
        "Content-Length: 1_0",
        "Content-Length: ",
        "Content-Length: 10\r\nContent-Length: 20",
        "Content-Length: 10\r\ncontent-length: 10",
        "Content-Type: application/vscode-jsonrpc; charset=utf-8",
        "no colon here",
    ],
    ids=lambda header: header[:45].replace("\r\n", "+"),
)
def test_lsp_02_impossible_content_length(client: RawClient, header: str) -> None:
    """A stream that cannot be followed ends the server: code 1, one line, no traceback, no memory taken."""
    client.echo()
    before = client.stderr()
    client.send_bytes(header.encode() + b"\r\n\r\n{}")
    assert client.wait_exit(timeout=5) == 1
    lines = client.stderr()[len(before) :].strip().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in client.stderr()
    assert client.peak_memory < FLAT


def test_lsp_03_header_block_is_limited(client: RawClient) -> None:
    """A header line of 20 MB is refused after 8 kB."""
    client.echo()
    client.send_bytes(b"X-Long: " + b"a" * (20 * MEBIBYTE))
    assert client.wait_exit(timeout=5) == 1
    assert "Traceback" not in client.stderr()
    assert client.peak_memory < FLAT


def test_lsp_03_header_block_of_many_lines_is_limited(client: RawClient) -> None:
    """Many short header lines are no way round the limit."""
    client.send_bytes(b"X: y\r\n" * (4 * MEBIBYTE // 6))
    assert client.wait_exit(timeout=5) == 1


@pytest.mark.parametrize("charset", ["utf-8", "utf8", "UTF-8"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_lsp_04_content_type_in_either_order(client: RawClient, charset: str, first: bool) -> None:
    """Content-Type may stand before or behind Content-Length, and utf8 is utf-8."""
    content = body()
    lines = [
        f"Content-Type: application/vscode-jsonrpc; charset={charset}".encode(),
        b"Content-Length: %d" % len(content),
    ]
    client.send_bytes(b"\r\n".join(lines if first else lines[::-1]) + b"\r\n\r\n" + content)
    assert client.answer(77, timeout=2)["result"] == "header"


@pytest.mark.parametrize(
    "broken", [b'{"jsonrpc":', b"", b"nul", b'{"jsonrpc":"2.0","id":1,"method":"x"', b"{'a':1}", b"[1,"]
)
def test_lsp_05_malformed_json(client: RawClient, broken: bytes) -> None:
    """Exactly one error -32700 whose id is null and is there; the next request is answered."""
    client.send_body(broken)
    client.echo()
    (answer,) = client.answers[("NoneType", "None")]
    assert "id" in answer
    assert answer["id"] is None
    assert answer["error"]["code"] == -32700
    assert not client.pop_ups()


@pytest.mark.parametrize(
    "message",
    [
        b'[{"jsonrpc":"2.0","id":900,"method":"postil/x"},{"jsonrpc":"2.0","id":901,"method":"postil/y"}]',
        b"5",
        b"null",
        b'"text"',
        b'{"id":902,"method":"postil/x"}',
        b'{"jsonrpc":"1.0","id":903,"method":"postil/x"}',
        b'{"jsonrpc":2.0,"id":904,"method":"postil/x"}',
        b'{"jsonrpc":"2.0","id":905,"method":7}',
    ],
    ids=["batch", "number", "null", "string", "no jsonrpc", "wrong jsonrpc", "jsonrpc a number", "method a number"],
)
def test_lsp_06_invalid_request(client: RawClient, message: bytes) -> None:
    """One error -32600, with id null or the id of the message; no pop-up; the next request is answered."""
    client.send_body(message)
    client.echo()
    answers = [one for key, several in client.answers.items() if key not in (("int", 1), ("int", 2)) for one in several]
    assert len(answers) == 1, answers
    assert answers[0]["error"]["code"] == -32600
    assert not client.pop_ups()


DOCUMENT = {"uri": "file:///nowhere/a.py"}


@pytest.mark.parametrize(
    "params",
    [
        {"textDocument": DOCUMENT, "position": {"line": "x", "character": 0}},
        None,
        {},
        {"textDocument": DOCUMENT, "position": {"line": -1, "character": 0}},
        {"textDocument": DOCUMENT, "position": {"line": 0, "character": -5}},
        {"textDocument": DOCUMENT, "position": {"line": 0.5, "character": 0}},
        {"textDocument": DOCUMENT, "position": {"line": True, "character": 0}},
        {"textDocument": DOCUMENT, "position": None},
        {"textDocument": [DOCUMENT], "position": {"line": 0, "character": 0}},
        {"textDocument": {"uri": 7}, "position": {"line": 0, "character": 0}},
        [],
        [1, 2],
    ],
    ids=str,
)
def test_lsp_07_bad_params(ready: ReadyServer, params: object) -> None:
    """Params of the wrong shape are answered -32602 with the request's id, and nothing pops up."""
    client = ready()
    identity = client.begin("textDocument/hover", params)
    answer = client.answer(identity, timeout=5)
    assert answer["error"]["code"] == -32602
    client.check_clean()


def test_lsp_08_unknown_methods(client: RawClient) -> None:
    """An unknown request is answered -32601, an unknown notification is not."""
    assert client.error("foo/bar", {"a": 1})["code"] == -32601
    client.notify("foo/bar", {"a": 1})
    client.notify("foo/baz")
    client.echo()
    client.check_clean()
    assert set(client.answers) == {("int", 1), ("int", 2), ("int", 3)}


def test_lsp_08_answers_nobody_asked_for(client: RawClient) -> None:
    """Answers with ids the server never sent are ignored."""
    for identity in (4711, "none", None, 1.5, {}):
        client.send({"jsonrpc": "2.0", "id": identity, "result": None})
        client.send({"jsonrpc": "2.0", "id": identity, "error": {"code": 1, "message": "no"}})
    client.echo()
    client.check_clean()


def test_lsp_09_unknown_dollar_methods(client: RawClient) -> None:
    """The same for methods that begin with `$/`."""
    assert client.error("$/foo", {})["code"] == -32601
    client.notify("$/foo", {})
    client.notify("$/setTrace", {"value": "off"})
    client.notify("$/setTrace", {"value": "no such value"})
    client.notify("$/progress", {"token": "unknown", "value": 5})
    client.echo()
    client.check_clean()


@pytest.mark.parametrize("identity", ["null", "1.5", "true", "{}", "[]", "[1]"])
def test_lsp_10_ids_are_integers_or_strings(client: RawClient, identity: str) -> None:
    """Any other id is answered -32600 with id null."""
    client.send_body(f'{{"jsonrpc":"2.0","id":{identity},"method":"shutdown"}}'.encode())
    client.echo()  # and it was not executed: after a shutdown this would be refused
    (answer,) = client.answers[("NoneType", "None")]
    assert answer["error"]["code"] == -32600
    assert not client.pop_ups()


def test_lsp_10_string_and_large_ids_come_back_as_they_were(client: RawClient) -> None:
    """Strings, large and negative integers are given back unchanged."""
    for identity in ("", "7", "é\u2028", 2**31 - 1, -3, 0, 2**53):
        client.begin_command("postil.test.echo", 1, identity=identity)
        assert client.answer(identity)["id"] == identity
    client.check_clean()


def test_lsp_11_an_id_in_flight_is_taken(client: RawClient) -> None:
    """A second request with an id still in flight is refused; a cancel reaches the first."""
    client.begin_command("postil.test.sleep", 20, identity="d")
    client.begin_command("postil.test.sleep", 20, identity="d")
    assert client.answer("d", timeout=2)["error"]["code"] == -32600
    client.cancel("d")
    assert client.answer("d", nth=2, timeout=2)["error"]["code"] == -32800
    client.begin_command("postil.test.echo", "again", identity="d")  # the id is free now
    assert client.answer("d", nth=3, timeout=2)["result"] == "again"


@pytest.mark.parametrize("kind", ["set", "object", "cycle", "nan"])
def test_lsp_12_results_that_json_cannot_say(client: RawClient, kind: str) -> None:
    """One answer, -32603; what is sent stays JSON (the client refuses NaN)."""
    identity = client.begin_command("postil.test.result", kind)
    assert client.answer(identity, timeout=5)["error"]["code"] == -32603
    client.echo()
    client.check_clean()


def test_lsp_13_no_traceback_path_or_code_in_errors(client: RawClient) -> None:
    """What a handler raised stays in the log."""
    answer = client.command("postil.test.raise", "sesame-4711 /home/someone/file.py")
    said = json.dumps(answer)
    assert answer["error"]["code"] == -32603
    for word in ("sesame", "4711", "File", "Traceback", ".py", "ValueError", str(client.folder)):
        assert word not in said
    assert "sesame" not in client.stderr(), "the text of an exception may hold code and keys: not for the log either"
    client.check_clean()


@pytest.mark.parametrize("kind", ["sys.exit", "KeyboardInterrupt"])
def test_lsp_14_a_handler_cannot_end_the_server(client: RawClient, kind: str) -> None:
    """SystemExit and KeyboardInterrupt in a handler are answered -32603, and the server lives."""
    assert client.command("postil.test.exit", kind)["error"]["code"] == -32603
    client.echo()
    assert client.is_running()
    client.check_clean()


def test_lsp_15_prints_do_not_reach_the_stream(client: RawClient) -> None:
    """print(), a write to descriptor 1 and a child that inherits it end on stderr; the stream stays whole."""
    assert "error" not in client.command("postil.test.print", "stray words")
    for number in range(20):
        client.echo(number)
    client.check_clean()
    client.wait_until(lambda: client.stderr().count("stray words") >= 3, what="three prints on stderr")


@pytest.mark.parametrize(
    "content",
    [
        b'{"jsonrpc":"2.0","id":77,"method":"postil/\xff\xfe"}',
        b'{"jsonrpc":"2.0","id":77,"method":"workspace/executeCommand","params":{"command":"postil.test.echo","arguments":['
        + b"[" * 100_000
        + b"]" * 100_000
        + b"]}}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"jsonrpc":"2.0","id":77,"method":"workspace/executeCommand","params":{"command":"postil.test.echo","arguments":['
        + b"7" * 5000
        + b"]}}",
        b'{"jsonrpc":"2.0","id":' + b"7" * 5000 + b',"method":"postil/x"}',
        b'{"jsonrpc":"2.0","id":77,"method":"postil/x","params":["\\ud800 alone \\udc00"]}',
        b"\xef\xbb\xbf{}",
        b"\x00" * 1000,
        '{"jsonrpc":"2.0"}'.encode("utf-16"),
    ],
    ids=[
        "bad utf-8",
        "nested arguments",
        "nested objects",
        "long integer",
        "long id",
        "surrogates",
        "BOM",
        "zeros",
        "utf-16",
    ],
)
def test_lsp_16_texts_that_break_parsers(client: RawClient, content: bytes) -> None:
    """Each is answered once, somehow; the next request is answered as if nothing had been."""
    client.send_body(content)
    client.echo()
    answers = [one for key, several in client.answers.items() if key not in (("int", 1), ("int", 2)) for one in several]
    assert len(answers) == 1, answers
    client.check_clean()


def test_lsp_16_a_lone_surrogate_in_arguments_is_data(client: RawClient) -> None:
    """JavaScript writes half a character as an escape; the command must run and the answer be valid JSON."""
    answer = client.command("postil.test.echo", "half \ud83d of a face")
    assert "result" in answer, answer


def test_lsp_17_nested_jsonrpc_is_plain_data(start: StartServer) -> None:
    """Objects that look like messages, in initializationOptions and in arguments, are data."""
    client = start()
    fake = {"jsonrpc": "2.0", "id": 5, "method": "shutdown", "params": {"jsonrpc": "2.0", "result": 1}}
    client.initialize(initializationOptions={"x": fake, "jsonrpc": "2.0", "method": "exit"}, timeout=5)
    client.echo(fake)
    client.echo([{"jsonrpc": "2.0", "error": {"code": 1}}])
    client.check_clean()
    assert client.answer_count(5) == 0


def test_lsp_07_many_small_writes(client: RawClient) -> None:
    """A message may come in any pieces: here one byte a write, two messages in one write."""
    content = frame(body(identity=91))
    for at in range(len(content)):
        client.send_bytes(content[at : at + 1])
    client.send_bytes(frame(body(identity=92)) + frame(body(identity=93)))
    begun = time.monotonic()
    for identity in (91, 92, 93):
        assert client.answer(identity)["result"] == "header"
    assert time.monotonic() - begun < 5
