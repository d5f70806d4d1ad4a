"""A package of its own, so that Playwright's event loop ends with it and not with the whole run."""
