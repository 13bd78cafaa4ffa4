"""OPRF outputs from a quorum of evaluators over HTTP: the tagger that labs use.

The story of one batch: blind the inputs, with canaries among them; send the elements to ``t``
evaluators at once; add up their answers, unblind, finalise; compare the canaries. Rules

    * An evaluator that does not answer is passed over for a while and the batch goes to another
      quorum; a batch fails only when no quorum is left, and says why each evaluator is out.
    * Where a canary comes out wrong, all are asked again with proof; who cannot prove its answer,
      or proves another one, is set aside for good, with the evidence in a file (``audits``).
    * Batches chosen at random are asked again later, with proof.
    * With ``proven`` nothing is returned that was not proven.
    * Inputs, blinds and outputs are not kept, and no error shows them.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from stillwatch.crypto import oprf, threshold
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import NotTrusted, PeerError
from stillwatch.sharing.matching.audits import Audits, Past, Wrong
from stillwatch.sharing.matching.peer import (
    MOST_ELEMENTS,
    Answer,
    Failed,
    Fault,
    Peer,
    Question,
    close_all,
)
from stillwatch.sharing.matching.quorum import NoQuorum, Roster
from stillwatch.store.matching import Canary
