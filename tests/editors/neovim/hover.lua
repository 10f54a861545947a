-- K on a finding opens a window that explains the rule; K beside findings opens none.
local function window()
  for _, id in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(id).relative ~= "" then
      return id
    end
  end
end

return function(t)
  local finding = t.wait_for_rule("F821", 2)[1]
  t.put_cursor_on(finding)
  vim.lsp.buf.hover()
  t.wait("a window opened", window)
  local shown = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window()), 0, -1, false), "\n")
  t.say(shown)
  t.check(shown:find("F821", 1, true) ~= nil, "the rule is named")
  t.check(shown:lower():find("undefined", 1, true) ~= nil, "the rule is explained")
  t.check(#shown > 150, "it says more than the message: " .. #shown .. " characters")
  vim.api.nvim_win_close(window(), true)

  local answer = vim.lsp.buf_request_sync(0, "textDocument/hover", {
    textDocument = { uri = vim.uri_from_bufnr(0) },
    position = { line = 3, character = 0 },
  }, 10000)
  for _, one in pairs(answer or {}) do
    t.check(one.error == nil and (one.result == nil or one.result == vim.NIL), "nothing where nothing is wrong")
  end
end
