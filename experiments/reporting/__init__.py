"""From the rows of results to tables, pictures and a page."""
