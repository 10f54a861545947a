-- One key mends one finding, another all that can be mended safely; a finding can be silenced on its line.
return function(t)
  local unused = t.wait_for_rule("F401", 1)[1]
  t.put_cursor_on(unused)
  t.act("Remove unused import")
  t.wait("the import is gone", function()
    return vim.fn.search("^import os$", "nw") == 0 and vim.fn.search("def add_up", "nw") > 0
  end)
  t.wait_for_rule("F401", 0)

  vim.api.nvim_buf_set_lines(0, 0, 0, false, { "import sys", "import json", "import re" })
  t.wait_for_rule("F401", 3)
  t.act("", { only = { "source.fixAll" }, diagnostics = {} })
  t.wait("fix all removed all three", function()
    return vim.fn.search("^import ", "nw") == 0
  end)
  t.wait_for_rule("F401", 0)
  t.check(#t.of("F821") == 2, "what has no safe fix is still there")

  local undefined = t.of("F821")[1]
  t.put_cursor_on(undefined)
  t.act("Suppress F821 on this line")
  t.wait("the line says why it is silent", function()
    return vim.api.nvim_buf_get_lines(0, undefined.lnum, undefined.lnum + 1, false)[1]:find("# noqa: F821", 1, true)
  end)
  t.wait_for_rule("F821", 1)
  vim.cmd("silent write")
end
