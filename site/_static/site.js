// Opened from a disk, a page may not read the pages that a search found, so it shows their titles alone.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
