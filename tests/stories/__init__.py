"""Cases followed from the counter to the county and back."""
