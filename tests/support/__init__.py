"""What tests share: builders, clocks, clients."""
