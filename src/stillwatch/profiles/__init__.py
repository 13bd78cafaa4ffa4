"""The mergeable summary of an account's traffic.

Glossary
    profile     fixed-size summary of an account, a key, an organisation or a whole campaign
    kernel      the one pass over a prompt's text: hashes, shingles, phrases, embedding
    fold        adding measured events to profiles
    merge       adding profiles to profiles; associative and commutative, with an identity
    sketch      a small stand-in for a large set: distinct counters, smallest-key samples
    skeleton    the shingles that recur in an account's different prompts
    signal      one number measured on a profile
"""
