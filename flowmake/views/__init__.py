"""What people look at: graphs, trees, tables, reasons. Data in, text out; nothing here judges or runs anything."""
