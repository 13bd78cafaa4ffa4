"""Where requests pass: decisions are made by a policy, kept, followed, and enforced.

Glossary
    case        one finding or lead, as a policy looks at it
    policy      rules from a case to a decision, and the guards over all of them
    guard       a bound that no rule can lift: allowlists, blast radius, another lab's word alone
    held        decided, and not in force until a person releases it
    stream      all decisions in force, then every change, in one order
    table       the decisions in force, in memory, looked up by what a request carries
    knowledge   a table with its place in the stream and its age
    request     what a gateway knows of one: account, key, organisation, address, JA4 ...
    answer      what is to happen to a request, and the decision that says so
    shadow      said and counted, not done

Rules: the gateway imports decisions, never detectors. A lookup reads memory only. What is unknown
passes unless the settings close that scope, and both are counted.
"""
