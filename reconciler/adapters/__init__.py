"""Each adapter translates one outside world and its errors; none knows another."""
