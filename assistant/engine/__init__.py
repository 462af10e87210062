"""One worker process per loaded model, over llama.cpp; the front side talks to it in frames.

Knows prompts, tokens and models' files; knows nothing of conversations, stores or windows.
"""
