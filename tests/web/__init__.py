"""Pages and the JSON API, as a browser sees them."""
