"""The wire formats: which fields exist, what each may hold, and which hold text (DESIGN section 8).

`grammar` is the vocabulary and the reader; `openai_chat` and `anthropic_messages` are the two formats written in it.
What no grammar lists is refused by name, so nothing passes unread.
"""
