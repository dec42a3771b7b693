/** The texts of `clusterctl help`. Each fits a screen of 80 by 24. */

const overview = `Usage: clusterctl [flags] COMMAND [names] [flags]
Runs the processes of a Procfile, or a whole etcd cluster, in one terminal.

Commands
  start [NAME…]        Start all entries of the Procfile, or those named
  run WORD [NAME…]     From another terminal: list, status, start, stop,
                       restart [--rolling], stop-all, restart-all, reload
  exec CMD…            Run one command as the entries would; also run CMD…
  status [--cluster]   What runs, how it ended; how the etcds stand; --json
  fault VERB …         Kill, pause, partition, delay… members, and heal them
  timeline, events     Who led when, elections and faults; follow them; --json
  logs [-f] [NAME…]    What was said; -n LINES, --since TIME, --grep PATTERN
  attach [NAME…]       Follow a supervisor from here; Ctrl-C stops nothing
  wait [NAME…]         Until --for=ready (default), leader or exit; --timeout T
  check [--portable]   Check the Procfile; compare what other tools make of it
  env [--explain]      Print what env files set
  export FORMAT DIR    Write files for systemd, upstart, supervisord or launchd
  help [COMMAND]       start, export, fault; version, completion, config schema
Flags, with one dash or two; goreman's and foreman's are understood
  -f, --procfile FILE  The Procfile (default Procfile)
  -m, --formation F    How many of each entry run, as in all=1,web=2,etcd=3
      --members N      No Procfile: a cluster of N etcd members
      --etcd WHICH     bundled (default), system, or a binary or its folder
Example: clusterctl start --members 3
`;

const start = `Usage: clusterctl start [NAME…] [flags]
A dashboard in terminals (--tui=false: lines). Ctrl-C ends all; twice kills.
  -f, --procfile FILE    The Procfile (default Procfile; - reads stdin)
      --config FILE      Settings of processes (default clusterctl.yaml)
  -d, --basedir DIR      Change to this folder first
  -e, --env FILES        Comma-separated (default .env)
      --env-rules R      goreman (default): environment, then first file, win;
                         foreman: the last file wins
  -m, --formation F      all=1,web=2: instances of each entry; others have none
  -b, --base-port N      PORT of the first (default 5000); --set-ports=false
      --members N        No Procfile: a cluster of N etcd members
      --etcd WHICH       bundled (default), system, or a binary or its folder
      --state-dir DIR    Of generated clusters (default .clusterctl)
      --fabric F         Faults on links of real members: auto, off, socks
  -t, --grace TIME       From Ctrl-C to SIGKILL (default 10s)
      --stop-signal SIG  Always TERM, INT, HUP or QUIT; default: as received
      --exit-on-error    End all when one fails, and exit 1
      --exit-code P      goreman (default), or first or max of the processes'
      --control=false    No socket; --control-tcp PORT, --control-token-file F
      --history=false    No logs; else --history-size 16M, --history-files 2
      --logtime=false    No time before lines; --exit-on-stop=false: stay on
      --output ndjson    Lines and events as JSON objects
  -c, --color[=WHEN]     auto (default), always, never
Example: clusterctl start -m etcd=3,web=1
`;

const exporting = `Usage: clusterctl export FORMAT DIR [NAME…] [flags]
Writes the files with which systemd, upstart, supervisord or launchd run the
Procfile as start does: commands, PORT, PS, env files, folder, grace period.
      --app NAME         Begins the names of files (default app)
      --user USER        Who runs it (default the app; '' for none)
      --log DIR          For logs (default the journal, or /var/log/APP)
      --force            Replace files that no export of this app wrote
  -f, --procfile FILE    The Procfile (default Procfile)
  -d, --basedir DIR      Change to this folder first; DIR above is not in it
  -e, --env FILES        Comma-separated (default .env)
  -m, --formation F      all=1,web=2: instances of each entry; others have none
  -p, --base-port N      PORT of the first entry; +100 for each (default 5000)
      --members N        No Procfile: a cluster of N etcd members
      --etcd WHICH       bundled (default), system, or a binary or its folder
  -t, --grace TIME       From the signal to end to SIGKILL (default 10s)
      --stop-signal SIG  TERM (default), INT, HUP or QUIT
Files of an export before that are not needed any more are removed.
Example: clusterctl export systemd /etc/systemd/system --app shop -m web=2
`;

const fault = `Usage: clusterctl fault VERB … [--json]
Breaks the running cluster, sees whether it shows, and heals it again.
  kill, stop, restart, pause, resume NAME   SIGKILL, as run does, SIGSTOP/CONT
  move-leader [NAME]     Leadership goes to that member, or to any other
  partition HOW          --isolate NAME      cut off from all others
                         --halves [A,B]      these from the rest
                         --bridge NAME       two halves, connected by it alone
                         --ring              each hears two neighbours only
                         --link 'A>B,C=D'    one direction, or both
                         --leader-outbound, --leader-inbound: one way only
                         --majority, --minority: what the leader is left with
                         --mode hold (default: late), drop, or reset
  delay 50ms±20ms        Messages come late; --link, --member NAME, or all
  loss 5%                Messages are lost; the same
  disk NAME --slow 200ms Syncs take longer; --fail EIO: they fail
  heal f1 | --all        Undoes that fault, or all of them
  list                   What is active
NAME is a process, or leader, follower or random. --messages MsgApp,MsgVote
limits a partition, delay or loss to these. Exit code 1: it could not be done.
Example: clusterctl fault partition --isolate leader
`;

/** The help on a command, or the overview. */
export function helpText(topic: string | null): string {
  switch (topic) {
    case 'start':
      return start;
    case 'export':
      return exporting;
    case 'fault':
      return fault;
    default:
      return overview;
  }
}
