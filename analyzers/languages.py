"""The table of languages: their names, files, grammars, comments, and which kinds of syntax nodes mean what.

Whoever adds a language adds one entry here; no other module compares language names. Kinds are tree-sitter's, and a test asks
each grammar whether it knows them.

Invariant: pure data, cheap to import. It is imported before `initialize` is answered, so it imports no grammar; the grammar's
module is named here and loaded by `analyzers/syntax.py` when a document needs it.
"""

from __future__ import annotations

from typing import NamedTuple


class Branching(NamedTuple):
    """Where a language's control flow branches, as node kinds separated by blanks. A name after `'` is a token (`'if`).

    `decisions`: each adds one to the cyclomatic complexity; `kind<parent` counts below that parent only. `mccabe`: what ruff's
    C901 counts. `logical` are the nodes of binary operators, and `operators` the texts of those that decide: they count in
    both metrics. The others are what the cognitive complexity asks for: `ifs`; `else_ifs` and `elses` where they are nodes of
    their own; `nesting`, which costs one and its depth, and deepens what is inside (loops, switches, handlers, ternaries);
    `jumps` to a label; `closures`, which deepen and are no functions of their own; `calls`, where recursion shows.

    `chained`: an `else` that holds an `if` directly is an `else if`. `overloads`: a call of the own name may well be another
    function's. `implicit_self`: a method calls itself by its bare name. `outer_as_namespace`: a function that only holds
    others is a namespace, and is not charged for them.
    """

    decisions: str
    ifs: str = "if_statement"
    else_ifs: str = ""
    elses: str = "else_clause"
    nesting: str = ""
    jumps: str = ""
    logical: str = "binary_expression"
    operators: str = "&& ||"
    closures: str = ""
    mccabe: str = ""
    calls: str = "call_expression"
    chained: bool = True
    overloads: bool = False
    implicit_self: bool = False
    outer_as_namespace: bool = False


class Language(NamedTuple):
    """One language.

    `id` is the LSP language id and `aliases` further ones; `suffixes` and `names` are of files, in lower case. `module` and
    `entry` name the grammar's package and its function. `line_comment` and `block_comment` are how a comment is written (empty
    where there is none). The rest are node kinds separated by blanks: `comments`; `functions`, which have a name, or get one
    from what they are assigned to; `classes`, whose members belong to them; `namespaces`, which are looked into and name
    nothing; `wrappers`, which belong to the function inside them; `imports`. `errors` is how far the grammar is believed where
    it finds an error (`docs/syntax-errors.md` has the figures): "tree", or only the balance of "brackets", or "never".
    """

    id: str
    title: str
    module: str
    suffixes: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    entry: str = "language"
    line_comment: str = ""
    block_comment: tuple[str, str] | None = None
    comments: str = "comment"
    functions: str = ""
    classes: str = ""
    namespaces: str = ""
    wrappers: str = ""
    imports: str = ""
    errors: str = "tree"
    branching: Branching | None = None


_C_COMMENT = ("/*", "*/")
_PLAIN_DECISIONS = "'if 'for 'while 'case 'catch"

_ECMA_BRANCHING = Branching(
    decisions=f"{_PLAIN_DECISIONS} ternary_expression",
    nesting="for_statement for_in_statement while_statement do_statement switch_statement catch_clause ternary_expression",
    jumps="break_statement continue_statement",
    operators="&& || ??",
    outer_as_namespace=True,
)
_ECMA_EXPRESSIONS = "function_expression generator_function arrow_function"
_ECMA_FUNCTIONS = f"function_declaration generator_function_declaration method_definition {_ECMA_EXPRESSIONS}"
_ECMA_WRAPPERS = (
    "export_statement lexical_declaration variable_declaration variable_declarator expression_statement "
    "assignment_expression pair parenthesized_expression"
)
_TYPESCRIPT_CLASSES = "class_declaration abstract_class_declaration class interface_declaration"

_C_BRANCHING = Branching(
    decisions="'if 'for 'while 'case conditional_expression",
    nesting="for_statement while_statement do_statement switch_statement conditional_expression",
    jumps="goto_statement",
)

LANGUAGES: tuple[Language, ...] = (
    Language(
        id="python",
        title="Python",
        module="tree_sitter_python",
        suffixes=(".py", ".pyi", ".pyw"),
        names=("sconstruct", "sconscript", "wscript"),
        line_comment="#",
        functions="function_definition",
        classes="class_definition",
        wrappers="decorated_definition",
        imports="import_statement import_from_statement future_import_statement",
        branching=Branching(
            # radon's table; `metrics.py` takes one off a `match` that has a case for everything.
            decisions="if_statement elif_clause for_statement while_statement except_clause conditional_expression "
            "for_in_clause if_clause<list_comprehension if_clause<set_comprehension "
            "if_clause<dictionary_comprehension if_clause<generator_expression assert_statement case_clause "
            "else_clause<for_statement else_clause<while_statement else_clause<try_statement",
            else_ifs="elif_clause",
            nesting="for_statement while_statement match_statement except_clause conditional_expression",
            logical="boolean_operator",
            operators="and or",
            closures="lambda",
            mccabe="if_statement elif_clause for_statement while_statement except_clause else_clause<try_statement case_clause",
            calls="call",
            chained=False,
        ),
    ),
    Language(
        id="javascript",
        title="JavaScript",
        module="tree_sitter_javascript",
        suffixes=(".js", ".mjs", ".cjs", ".jsx"),
        aliases=("javascriptreact", "js", "jsx"),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="comment html_comment",
        functions=_ECMA_FUNCTIONS,
        classes="class_declaration class",
        wrappers=f"{_ECMA_WRAPPERS} field_definition",
        imports="import_statement",
        branching=_ECMA_BRANCHING,
    ),
    Language(
        id="typescript",
        title="TypeScript",
        module="tree_sitter_typescript",
        entry="language_typescript",
        suffixes=(".ts", ".mts", ".cts"),
        aliases=("ts",),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="comment html_comment",
        functions=_ECMA_FUNCTIONS,
        classes=_TYPESCRIPT_CLASSES,
        namespaces="internal_module module ambient_declaration",
        wrappers=f"{_ECMA_WRAPPERS} public_field_definition",
        imports="import_statement",
        branching=_ECMA_BRANCHING,
    ),
    Language(
        id="typescriptreact",
        title="TSX",
        module="tree_sitter_typescript",
        entry="language_tsx",
        suffixes=(".tsx",),
        aliases=("tsx",),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="comment html_comment",
        functions=_ECMA_FUNCTIONS,
        classes=_TYPESCRIPT_CLASSES,
        namespaces="internal_module module ambient_declaration",
        wrappers=f"{_ECMA_WRAPPERS} public_field_definition",
        imports="import_statement",
        branching=_ECMA_BRANCHING,
    ),
    Language(
        id="go",
        title="Go",
        module="tree_sitter_go",
        suffixes=(".go",),
        line_comment="//",
        block_comment=_C_COMMENT,
        functions="function_declaration method_declaration",
        imports="import_declaration",
        branching=Branching(
            decisions="'if 'for 'case",
            nesting="for_statement expression_switch_statement type_switch_statement select_statement",
            jumps="goto_statement break_statement continue_statement",
            closures="func_literal",
            elses="",
        ),
    ),
    Language(
        id="java",
        title="Java",
        module="tree_sitter_java",
        suffixes=(".java",),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="line_comment block_comment",
        functions="method_declaration constructor_declaration compact_constructor_declaration",
        classes="class_declaration interface_declaration enum_declaration record_declaration enum_body_declarations "
        "annotation_type_declaration",
        imports="import_declaration",
        branching=Branching(
            decisions=f"{_PLAIN_DECISIONS} ternary_expression",
            nesting="for_statement enhanced_for_statement while_statement do_statement switch_expression catch_clause "
            "ternary_expression",
            jumps="break_statement continue_statement",
            closures="lambda_expression",
            elses="",
            calls="method_invocation",
            overloads=True,
        ),
    ),
    Language(
        id="rust",
        title="Rust",
        module="tree_sitter_rust",
        suffixes=(".rs",),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="line_comment block_comment",
        functions="function_item",
        classes="impl_item trait_item",
        namespaces="mod_item",
        imports="use_declaration extern_crate_declaration",
        branching=Branching(
            decisions="'if 'for<for_expression 'while match_arm",
            ifs="if_expression",
            nesting="for_expression while_expression loop_expression match_expression",
            jumps="break_expression continue_expression",
            closures="closure_expression",
        ),
    ),
    Language(
        id="c",
        errors="brackets",
        title="C",
        module="tree_sitter_c",
        suffixes=(".c", ".h"),
        line_comment="//",
        block_comment=_C_COMMENT,
        functions="function_definition",
        namespaces="preproc_ifdef preproc_if preproc_else preproc_elif linkage_specification",
        imports="preproc_include",
        branching=_C_BRANCHING,
    ),
    Language(
        id="cpp",
        errors="brackets",
        title="C++",
        module="tree_sitter_cpp",
        suffixes=(
            ".cc",
            ".cpp",
            ".cxx",
            ".c++",
            ".hh",
            ".hpp",
            ".hxx",
            ".h++",
            ".ipp",
            ".tpp",
            ".inl",
            ".cppm",
            ".ixx",
        ),
        aliases=("cuda-cpp",),
        line_comment="//",
        block_comment=_C_COMMENT,
        functions="function_definition",
        classes="class_specifier struct_specifier union_specifier",
        namespaces="namespace_definition linkage_specification preproc_ifdef preproc_if preproc_else preproc_elif",
        wrappers="template_declaration",
        imports="preproc_include using_declaration",
        branching=_C_BRANCHING._replace(
            decisions=f"{_PLAIN_DECISIONS} conditional_expression",
            nesting="for_statement for_range_loop while_statement do_statement switch_statement catch_clause "
            "conditional_expression",
            operators="&& || and or",
            closures="lambda_expression",
            overloads=True,
        ),
    ),
    Language(
        id="csharp",
        title="C#",
        module="tree_sitter_c_sharp",
        suffixes=(".cs", ".csx"),
        aliases=("cs",),
        line_comment="//",
        block_comment=_C_COMMENT,
        functions="method_declaration constructor_declaration destructor_declaration operator_declaration "
        "conversion_operator_declaration local_function_statement accessor_declaration",
        classes="class_declaration struct_declaration interface_declaration record_declaration property_declaration "
        "indexer_declaration",
        namespaces="namespace_declaration accessor_list",
        imports="using_directive extern_alias_directive",
        branching=Branching(
            decisions=f"{_PLAIN_DECISIONS} 'foreach conditional_expression",
            nesting="for_statement foreach_statement while_statement do_statement switch_statement switch_expression "
            "catch_clause conditional_expression",
            jumps="goto_statement",
            operators="&& || ??",
            closures="lambda_expression anonymous_method_expression",
            elses="",
            calls="invocation_expression",
            overloads=True,
        ),
    ),
    Language(
        id="ruby",
        title="Ruby",
        module="tree_sitter_ruby",
        suffixes=(".rb", ".rake", ".gemspec", ".ru", ".rbw"),
        names=("rakefile", "gemfile", "guardfile", "vagrantfile", "podfile", "fastfile", "brewfile"),
        line_comment="#",
        functions="method singleton_method",
        classes="class singleton_class",
        namespaces="module",
        branching=Branching(
            decisions="if unless elsif if_modifier unless_modifier while until while_modifier until_modifier for when "
            "in_clause rescue rescue_modifier conditional",
            ifs="if unless",
            else_ifs="elsif",
            elses="else",
            nesting="if_modifier unless_modifier while until while_modifier until_modifier for case case_match rescue "
            "rescue_modifier conditional",
            logical="binary",
            operators="&& || and or",
            closures="block do_block lambda",
            calls="call",
            implicit_self=True,
            chained=False,
        ),
    ),
    Language(
        id="php",
        title="PHP",
        module="tree_sitter_php",
        entry="language_php",
        suffixes=(".php", ".phtml", ".php5", ".inc"),
        line_comment="//",
        block_comment=_C_COMMENT,
        functions="function_definition method_declaration",
        classes="class_declaration interface_declaration trait_declaration enum_declaration anonymous_class",
        namespaces="namespace_definition",
        imports="namespace_use_declaration",
        branching=Branching(
            decisions=f"{_PLAIN_DECISIONS} 'elseif 'foreach conditional_expression match_conditional_expression",
            else_ifs="else_if_clause",
            nesting="for_statement foreach_statement while_statement do_statement switch_statement match_expression "
            "catch_clause conditional_expression",
            jumps="goto_statement",
            operators="&& || and or xor",
            closures="anonymous_function arrow_function",
            calls="function_call_expression member_call_expression scoped_call_expression",
        ),
    ),
    Language(
        id="kotlin",
        errors="brackets",
        title="Kotlin",
        module="tree_sitter_kotlin",
        suffixes=(".kt", ".kts"),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="line_comment block_comment",
        functions="function_declaration secondary_constructor anonymous_initializer getter setter",
        classes="class_declaration object_declaration companion_object",
        imports="import",
        branching=Branching(
            decisions="'if 'for 'while when_entry 'catch",
            ifs="if_expression",
            nesting="for_statement while_statement do_while_statement when_expression catch_block",
            operators="&& || ?:",
            closures="lambda_literal anonymous_function",
            elses="",
            overloads=True,
        ),
    ),
    Language(
        id="swift",
        errors="brackets",
        title="Swift",
        module="tree_sitter_swift",
        suffixes=(".swift",),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="comment multiline_comment",
        functions="function_declaration init_declaration deinit_declaration",
        classes="class_declaration protocol_declaration",
        imports="import_declaration",
        branching=Branching(
            decisions="if_statement guard_statement for_statement while_statement repeat_while_statement switch_entry "
            "catch_block ternary_expression",
            nesting="guard_statement for_statement while_statement repeat_while_statement switch_statement catch_block "
            "ternary_expression",
            logical="conjunction_expression disjunction_expression",
            closures="lambda_literal",
            elses="",
            overloads=True,
        ),
    ),
    Language(
        id="scala",
        errors="brackets",
        title="Scala",
        module="tree_sitter_scala",
        suffixes=(".scala", ".sc", ".sbt"),
        line_comment="//",
        block_comment=_C_COMMENT,
        comments="comment block_comment",
        functions="function_definition",
        classes="class_definition object_definition trait_definition enum_definition package_object given_definition",
        namespaces="package_clause extension_definition",
        imports="import_declaration",
        branching=Branching(
            decisions="'if for_expression while_expression do_while_expression case_clause",
            ifs="if_expression",
            nesting="for_expression while_expression do_while_expression match_expression catch_clause",
            logical="infix_expression",
            closures="lambda_expression",
            elses="",
            overloads=True,
        ),
    ),
    Language(
        id="lua",
        title="Lua",
        module="tree_sitter_lua",
        suffixes=(".lua", ".rockspec"),
        line_comment="--",
        block_comment=("--[[", "]]"),
        functions="function_declaration function_definition",
        wrappers="variable_declaration assignment_statement",
        branching=Branching(
            decisions="'if 'elseif 'for 'while 'repeat",
            else_ifs="elseif_statement",
            elses="else_statement",
            nesting="for_statement while_statement repeat_statement",
            jumps="goto_statement",
            operators="and or",
            calls="function_call",
            chained=False,
        ),
    ),
    Language(
        id="shellscript",
        errors="never",
        title="Bash",
        module="tree_sitter_bash",
        suffixes=(".sh", ".bash", ".bats", ".ksh"),
        aliases=("bash", "sh", "shell", "zsh"),
        names=(".bashrc", ".bash_profile", ".bash_aliases", ".bash_logout", ".profile", "apkbuild", "pkgbuild"),
        line_comment="#",
        functions="function_definition",
        branching=Branching(
            decisions="'if 'elif 'for 'while 'until case_item",
            else_ifs="elif_clause",
            nesting="for_statement c_style_for_statement while_statement case_statement",
            logical="list binary_expression",
            calls="command",
            chained=False,
        ),
    ),
    Language(
        id="html",
        title="HTML",
        module="tree_sitter_html",
        suffixes=(".html", ".htm", ".xhtml"),
        block_comment=("<!--", "-->"),
    ),
    Language(
        id="css",
        errors="brackets",
        title="CSS",
        module="tree_sitter_css",
        suffixes=(".css",),
        block_comment=_C_COMMENT,
        comments="comment js_comment",
    ),
    Language(
        id="json",
        title="JSON",
        module="tree_sitter_json",
        suffixes=(".json", ".webmanifest", ".geojson", ".ipynb", ".har"),
        names=(".prettierrc", "composer.lock", "pipfile.lock", "flake.lock"),
    ),
    Language(
        id="jsonc",
        errors="brackets",
        title="JSON with comments",
        module="tree_sitter_json",
        suffixes=(".jsonc", ".code-workspace", ".code-snippets"),
        names=(
            "tsconfig.json",
            "jsconfig.json",
            ".eslintrc.json",
            "devcontainer.json",
            ".swcrc",
            ".babelrc",
            "tslint.json",
        ),
        line_comment="//",
        block_comment=_C_COMMENT,
    ),
    Language(
        id="yaml",
        title="YAML",
        module="tree_sitter_yaml",
        suffixes=(".yaml", ".yml"),
        aliases=("dockercompose", "github-actions-workflow"),
        line_comment="#",
    ),
    Language(
        id="toml",
        title="TOML",
        module="tree_sitter_toml",
        suffixes=(".toml",),
        names=("cargo.lock", "poetry.lock", "uv.lock", "pdm.lock", "pipfile"),
        line_comment="#",
    ),
    Language(
        id="sql",
        errors="brackets",
        title="SQL",
        module="tree_sitter_sql",
        suffixes=(".sql", ".ddl", ".pgsql", ".psql"),
        aliases=("postgres", "mysql", "plsql", "pgsql"),
        line_comment="--",
        block_comment=_C_COMMENT,
        comments="comment marginalia",
    ),
)

_BY_ID = {name: language for language in LANGUAGES for name in (language.id, *language.aliases)}
_BY_NAME = {name: language for language in LANGUAGES for name in language.names}
_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}


def by_id(language_id: str) -> Language | None:
    """Return the language an editor calls `language_id` (LSP's ids and the aliases above), or None."""
    return _BY_ID.get(language_id) or _BY_ID.get(language_id.lower())


def language_of(path: str) -> Language | None:
    """Return the language of the file at `path` (or of a URI's path) by its name alone, or None."""
    name = path.replace("\\", "/").rpartition("/")[2].lower()
    found = _BY_NAME.get(name)
    if found is None:
        # The longest suffix decides, so that a name with several dots can have an entry of its own.
        while found is None and (dot := name.find(".", 1)) != -1:
            name = name[dot:]
            found = _BY_SUFFIX.get(name)
    return found
