"""The house rules: layers, lengths, banned calls, what every text must not say."""
