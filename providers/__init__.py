"""Text in, JSON out, from a language model. Empty until the review by a model comes; it will know nothing of code review."""
