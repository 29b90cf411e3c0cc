//! The subcommands of `loadtest`: their arguments, what they print, and how they end.
