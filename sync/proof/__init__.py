"""`tongban-verify`: what a proof file proves to somebody who trusts no node, only the county root's digest.

Imports the language, the pure core and a cryptography library, nothing of a node (RULINGS C6): a court, an auditor or a
neighbour county can read all of it in an hour. Two kinds of file: one entry with its receipts (`file`, `checking`,
`words`), and a claim about what an office did, with the signed statements that show it (`claim_file`, `statements`,
`claims`, `accusing`, `claim_words`). Both rest on `believing`: certificates and signatures.
"""
