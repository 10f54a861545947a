-- The lines for saving in docs/editors.md: what is written is fixed, and the buffer is not left changed.
return function(t)
  local page = table.concat(vim.fn.readfile(assert(os.getenv("POSTIL_EDITORS_PAGE"))), "\n")
  local lines = assert(page:match("Fix all on save.-```lua\n(.-)\n```"), "the page has no lines for saving")
  assert(loadstring(lines))()
  t.wait_for_rule("F401", 1)
  vim.cmd("silent write")
  t.check(not vim.bo.modified, "nothing is left to write")
  t.check(vim.fn.readfile("sample.py")[1] ~= "import os", "the written file has no unused import")
end
