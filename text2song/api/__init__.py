"""How the API behaves everywhere: who calls, what errors look like, paging, filters, limits."""
