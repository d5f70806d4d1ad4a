"""The channel ``api``: any program of the owner's. It writes in over REST; what the desk says goes to the
inbox's ``callback_url`` as signed JSON."""
