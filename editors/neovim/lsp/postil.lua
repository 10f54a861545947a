-- postil for Neovim 0.11 and later, without a plugin. Copy this file to ~/.config/nvim/lsp/postil.lua and write in init.lua:
--   vim.lsp.enable("postil")
return {
  cmd = { "postil", "serve" },
  filetypes = {
    "bash", "c", "cpp", "cs", "css", "go", "html", "java", "javascript", "javascriptreact", "json", "jsonc", "kotlin", "lua",
    "php", "python", "ruby", "rust", "scala", "sh", "sql", "swift", "toml", "typescript", "typescriptreact", "yaml",
  },
  root_markers = { "postil.toml", ".postil.yaml", "pyproject.toml", ".git" },
}
