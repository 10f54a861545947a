-- What every scenario uses: waits on a condition with a limit, says what failed, ends the editor with 0 or 1.
-- Messages go to a file: Neovim writes its own to the same stream as a headless script.
local log = assert(io.open(assert(os.getenv("POSTIL_SCENARIO_LOG")), "a"))
local M = {}

function M.say(...)
  log:write(table.concat(vim.tbl_map(tostring, { ... }), " "), "\n")
  log:flush()
end

function M.lines()
  return vim.api.nvim_buf_get_lines(0, 0, -1, false)
end

function M.fail(message)
  local shown = vim.tbl_map(function(d)
    return { d.lnum, d.col, d.end_lnum, d.end_col, d.source, d.code, d.message }
  end, vim.diagnostic.get(0))
  M.say("FAIL", message)
  M.say("text", vim.inspect(M.lines()))
  M.say("diagnostics", vim.inspect(shown))
  M.say("messages", vim.fn.execute("messages"))
  vim.cmd("cquit 1")
end

function M.check(condition, message)
  if condition then
    M.say("ok  ", message)
  else
    M.fail(message)
  end
end

-- Waits until `condition` holds; `message` says what is waited for.
function M.wait(message, condition)
  local held = vim.wait(tonumber(os.getenv("POSTIL_WAIT") or 20000), function()
    local ok, result = pcall(condition)
    return ok and result
  end, 20)
  M.check(held, message)
end

function M.client()
  return vim.lsp.get_clients({ name = "postil", bufnr = 0 })[1]
end

-- The diagnostics of a rule, in the order of the text.
function M.of(rule)
  local found = vim.tbl_filter(function(d)
    return tostring(d.code) == rule
  end, vim.diagnostic.get(0))
  table.sort(found, function(a, b)
    return a.lnum < b.lnum or (a.lnum == b.lnum and a.col < b.col)
  end)
  return found
end

-- The text that a diagnostic marks, by the columns that Neovim made of the server's.
function M.marked(diagnostic)
  local ends = { diagnostic.end_lnum, diagnostic.end_col }
  return table.concat(vim.api.nvim_buf_get_text(0, diagnostic.lnum, diagnostic.col, ends[1], ends[2], {}), "\n")
end

function M.wait_for_rule(rule, count)
  M.wait(count .. " of " .. rule, function()
    return #M.of(rule) == count
  end)
  return M.of(rule)
end

function M.put_cursor_on(diagnostic)
  vim.api.nvim_win_set_cursor(0, { diagnostic.lnum + 1, diagnostic.col })
end

-- Takes the first code action whose title holds `text` (a plain string), through the user's own function.
function M.act(text, context)
  vim.lsp.buf.code_action({
    apply = true,
    context = context,
    filter = function(action)
      return action.title:find(text, 1, true) ~= nil
    end,
  })
end

function M.run(scenario)
  local ok, message = xpcall(function()
    scenario(M)
    -- A clean stop: the server is asked to shut down, exits, and Neovim forgets it.
    local client = M.client()
    M.check(client ~= nil, "the server is still there")
    client:stop()
    M.wait("the client stopped", function()
      return #vim.lsp.get_clients() == 0
    end)
  end, debug.traceback)
  if not ok then
    M.fail(message)
  end
  M.say("ALL OK")
  vim.cmd("qa!")
end

return M
