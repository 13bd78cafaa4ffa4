"""From a case to at most one decision, by rules that are data, under guards that are code.

Glossary
    case        one finding or lead as a policy looks at it: facts, never prompts
    rule        conditions on a case and what is decided where all of them hold; the first one speaks
    sample      a case that a rule must decide, or must not; all are tried at every load
    ruling      what a policy says of a case, and why
    guard       a bound that no rule can lift
    spared      a rule or a guard says that nothing is done
    clearance   a person lifted or refused a decision: its subjects are not decided against again
    outcome     what became of a case: made, renewed, grown, held, spared ...

Rules: nothing here knows a detector, a log or a table of accounts; what is known comes in a case.
"""
