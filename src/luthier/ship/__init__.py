"""Ship the winner: one server for many deltas over one frozen backbone."""
