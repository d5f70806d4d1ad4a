"""Answers by a model: any server that speaks OpenAI's API, always streamed, within real deadlines.

    faults    what can go wrong, as rows of the catalogue
    sse       bytes of an event stream → its data lines (sans I/O)
    reply     data lines → pieces of text, tool calls, usage (sans I/O)
    client    one server: a request, its stream, its end
    gate      how many at a time, how many may wait
    breaker   a server that fails rests, and is tried again
    usage     tokens and money by day, bot and model
    models    the configured ones, each with its gate, breaker and usage
    context   what a turn hands in: snippets, history, template, tools, mask …
    masking   the mask of a turn, beside the event loop where there is much text
    calls     the tools of a turn: allow-list, time, nothing twice
    round     one model's try at an answer, tool rounds included
    race      3 s and 15 s: the holding word, the second model, the end
    words     the word meanwhile; source marks taken out
    answers   ``ModelAnswers``: the whole, as the ladder calls it
    local     a llama.cpp server as a child process (local_child)
    part      all of it, as a desk starts and stops it
"""
