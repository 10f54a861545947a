-- Findings are where they belong, also behind characters of two and four bytes, and follow the text while it is edited.
return function(t)
  local unused = t.wait_for_rule("F401", 1)[1]
  t.check(unused.lnum == 0 and t.marked(unused) == "os", "the unused import is marked: " .. t.marked(unused))
  t.check(unused.source:lower() == "ruff", "a source is named: " .. tostring(unused.source))
  t.check(unused._tags and unused._tags.unnecessary == true, "it is greyed out")

  local undefined = t.wait_for_rule("F821", 2)
  t.check(t.marked(undefined[1]) == "totel", "the undefined name is marked: " .. t.marked(undefined[1]))
  t.check(undefined[1].severity == vim.diagnostic.severity.ERROR, "an undefined name is an error")
  t.check(t.marked(undefined[2]) == "unknown", "behind é and 𝒳 too: " .. t.marked(undefined[2]))
  t.say("encoding", t.client().offset_encoding)

  -- A new mistake appears: as typed, in a line that holds an astral character.
  vim.cmd("normal! Go")
  vim.api.nvim_feedkeys("ilate = '𝒳𝒳' + missing", "ntx", false)
  local all = t.wait_for_rule("F821", 3)
  t.check(t.marked(all[3]) == "missing", "what was typed is marked: " .. t.marked(all[3]))

  -- Lines above move it, and mending makes it go.
  vim.api.nvim_buf_set_lines(0, 0, 0, false, { "# é first", "# second" })
  t.wait("the findings moved with their lines", function()
    return t.of("F401")[1].lnum == 2 and #t.of("F821") == 3 and t.marked(t.of("F821")[1]) == "totel"
  end)
  vim.cmd("silent %s/totel/total/g")
  vim.cmd("silent %s/+ unknown//")
  t.wait_for_rule("F821", 1)
  vim.cmd("let &undolevels = &undolevels") -- what comes is an undo step of its own
  vim.cmd("silent $delete")
  t.wait_for_rule("F821", 0)
  vim.cmd("silent! undo")
  t.wait_for_rule("F821", 1)
end
