"""Whether a suspect model was trained on our outputs.

Glossary
    panel       who is who: our models, references of other vendors, controls, suspects
    teacher     a model whose influence is asked about
    control     a model known not to have learned from certain vendors; clusters of them count as one
    affinity    one way in which answers can be like a teacher's
    standing    an affinity in spreads of the controls
    combiner    logistic weights that make one score of the standings
    null pair   a control and a teacher it cannot have learned from
    mark        a keyed bias that our own serving stack plants in its answers

Only a null over models calibrates: prompts are not the sample.
"""
