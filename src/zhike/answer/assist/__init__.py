"""A model's help for the people at the desk: proposals for what they write, and summaries.

    templates   the built-in words, one for each kind of help
    prompts     from a template and what is at hand to messages
    marking     a guard that lets doubtful sentences pass and says which
    assistant   ``Assistant``: a proposal, within its deadline
    summary     what a conversation is about: by a model, or from the ledger
"""
