//! Runs an algorithm in this process, through the same documents as the cluster.
