"""Planted marks: a keyed bias in our own answers that a student trained on them carries on.

Passive correlation asks whether a suspect is like us; a mark asks whether it is like *this key*. With a
key for each cohort of accounts a hit also names which accounts fed the student.

Glossary
    cohort      accounts that are served with one key
    green list  tokens that the key favours after a given token (Kirchenbauer et al. 2023)
    gamma       share of tokens that are green
    delta       what is added to the logits of green tokens
    phrasing    one of several ways to say the same; the key chooses which

Under a key that had no part in a text every distinct context is an independent draw, so the tests are
exact whatever the text is. Repeated contexts are counted once: counting them again called four in ten
wrong keys significant.
"""
