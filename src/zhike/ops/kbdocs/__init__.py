"""Documents as knowledge: Markdown, HTML, Word, PDF and a crawled site become articles.

Way: file or page → :mod:`readers` (sections with their headings) → :mod:`chunks` (articles) →
:mod:`bring` (stored; what the source no longer says is removed; what was left out is reported).
"""
