"""The county's audit of what townships do with what villages entrust to them: proofs, rules, orders, samples."""
