"""What people look at: pictures of cases, figures of studies, the report, ranked clips."""
