"""From signals to findings.

Glossary
    reference   benign profiles that say what is ordinary: a baseline log, or this log's bulk
    surprise    -log10 of the chance that a benign account of like volume shows so high a signal
    score       sum of surprises over kinds of evidence; ranks accounts
    p-value     chance that a benign account scores as high, from the reference itself
    flag        an account chosen by Benjamini-Hochberg at the promised false-discovery rate
"""
