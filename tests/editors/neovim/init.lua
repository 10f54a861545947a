-- The user's init.lua of the tests: the file that postil ships, with the command replaced by the one under test.
vim.opt.runtimepath:prepend(assert(os.getenv("POSTIL_EDITOR_FILES")))
vim.opt.swapfile = false
vim.opt.shortmess:append("I")
vim.lsp.config("postil", { cmd = vim.json.decode(assert(os.getenv("POSTIL_COMMAND"))) })
vim.lsp.enable("postil")
vim.cmd("filetype on")
