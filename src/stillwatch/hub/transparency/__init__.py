"""The log of claims and key statements: appended in the transaction that stores them."""
