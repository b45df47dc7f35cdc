"""What tests stand on: clusters, git servers, the simulator's control, processes, waiting. No test lives here."""
