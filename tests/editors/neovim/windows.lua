-- Each open file shows its findings, also those that were opened behind the one in front.
return function(t)
  local behind = vim.fn.bufadd("behind.py")
  vim.fn.bufload(behind)
  t.wait_for_rule("F401", 1)
  t.wait("the file behind has its findings", function()
    return #vim.diagnostic.get(behind) == 1
  end)
end
