-- A local name, a function used in another file: the editor's own rename changes both files.
return function(t)
  t.wait_for_rule("F401", 1)
  vim.fn.search("add_up")
  vim.lsp.buf.rename("sum_of")
  t.wait("the definition and its uses changed", function()
    return vim.fn.search("def sum_of", "nw") > 0 and vim.fn.search("add_up", "nw") == 0
  end)
  t.check(vim.fn.search("sum_of(", "nw") > 0, "the call changed")
  vim.cmd("silent wall")
  local other = table.concat(vim.fn.readfile("other.py"), "\n")
  t.check(other == "from sample import sum_of\n\nprint(sum_of([1, 2]))", "the other file changed: " .. other)
end
