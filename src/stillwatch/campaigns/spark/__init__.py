"""Linking on the executors that made the profiles.

Skeletons, holders, pairs and components are relations of Spark SQL (``campaigns.definitions``); what is
dense (the division of a component, the samples of an account, the figures of a group) runs in one worker
by the kernels that link on one machine.
"""
