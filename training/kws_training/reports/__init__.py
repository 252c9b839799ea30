"""Reports to look at: pages, pictures, model cards."""
