"""Worker processes that run people's functions: started warm, fed, watched and replaced."""
