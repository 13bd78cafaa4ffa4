"""Ways into an application: a client, an ASGI middleware, a hook for LiteLLM's proxy.

Glossary
    guard       what stands in the way of a request and asks for the answer to it
    caller      whom a request is from: account, key, organisation, address ...
    lease       one of the places that a bounded concurrency gives; taken by the answer, given back
                when the response is over
    degraded    a request without what asks for reasoning or log-probabilities; an answer without them

Rules: imports of an application's framework stand inside. Only httpx and orjson are needed beside
the standard library, and SQLAlchemy where a store is followed directly. A failure of ours lets
requests pass unless the settings close their scope, and is counted.
"""
