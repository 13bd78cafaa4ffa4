"""How members draw a key that nobody holds, and refresh their shares of it: messages only.

Key generation is FROST's (Komlo and Goldberg 2020, figure 1): Feldman commitments, a proof of
possession, shares in private. A refresh adds polynomials whose value at 0 is zero (Herzberg et al.
1995): other shares, the same key. No I/O happens here; messages are canonical JSON, signed with
the members' keys. Any one that does not fit is refused with who sent it and what is wrong::

    plan     = draw_plan(...) or refresh_plan(epoch, seats)      one proposes, all look at it
    me       = start(plan, key, used)                            each; keep ``me.seed`` secret
    commit   = me.commit(key)                                    to all
    commits  = check_commits(plan, all of them)
    deals    = me.deal(key, commits)                             one to each other
    finished = me.finish(key, commits, those for me)             a share, an epoch to sign
    document = gather(finished.epoch, signatures of all)         to the hub

Glossary
    plan        who takes part, at which threshold, for which days; its digest is the ceremony's id
    seat        a member's place: index, key, address
    commit      round 1: commitments to a polynomial, proof, a key to seal shares to
    deal        round 2: a share for one recipient, sealed
    complaint   evidence that a deal does not fit its dealer's commitments, for anyone to check
    transcript  digest of plan and commits: all sign it with the epoch, so a split view is found

Rules: who complains opens its box key of this ceremony, and with it nothing of any other; a
ceremony with a complaint is over, and the next one draws everything anew.
"""
