/**
 * The scripts of `clusterctl completion`. They decide nothing: the words typed so far go to `clusterctl __complete`, which answers
 * as answer.ts says.
 */

const bash = `# Completion of clusterctl for bash: eval "$(clusterctl completion bash)" in ~/.bashrc,
# or this text as a file called clusterctl in ~/.local/share/bash-completion/completions.
_clusterctl() {
  local rest=\${COMP_LINE:0:COMP_POINT} typed=() count=0 word i
  # bash cuts words at = and : too; a blank in the line is what really ends one.
  for ((i = 0; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $count -gt 0 && $rest != [[:space:]]* ]]; then
      typed[count - 1]+=$word
    else
      typed[count++]=$word
    fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    rest=\${rest#"$word"}
  done
  local current=\${rest#"\${rest%%[![:space:]]*}"}
  if [[ $rest != [[:space:]]* && $count -gt 1 ]]; then
    current=\${typed[--count]}$current
    unset "typed[count]"
  fi
  typed=("\${typed[@]//[\\\\\\"\\']/}")
  current=\${current//[\\\\\\"\\']/}

  local lines=() line
  while IFS= read -r line; do
    lines+=("$line")
  done < <("\${typed[0]/#\\~/$HOME}" __complete -- "\${typed[@]:1}" "$current" 2>/dev/null)
  COMPREPLY=()
  case \${lines[0]} in
    files) compopt -o default 2>/dev/null ;;
    folders) compopt -o dirnames 2>/dev/null ;;
    open) compopt -o nospace 2>/dev/null ;;
  esac

  # What bash has cut off already must not come again.
  local cut=
  case $current in
    *=*) [[ $COMP_WORDBREAKS == *=* ]] && cut=\${current%"\${current##*=}"} ;;
  esac
  for line in "\${lines[@]:1}"; do
    line=\${line%%$'\\t'*}
    line=\${line#"$cut"}
    [[ $line == *[!A-Za-z0-9_./,:=@%+-]* ]] && printf -v line %q "$line"
    COMPREPLY+=("$line")
  done
}
complete -F _clusterctl clusterctl
`;

const zsh = `#compdef clusterctl
# Completion of clusterctl for zsh: source <(clusterctl completion zsh) in ~/.zshrc, after compinit,
# or this text as a file called _clusterctl in a folder of $fpath.
_clusterctl() {
  local -a lines names shown space
  local line mode
  lines=("\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  mode=$lines[1]
  case $mode in
    files|folders)
      compset -P '-*='
      if [[ $mode == files ]]; then _files; else _files -/; fi
      return
      ;;
    open) space=(-S '') ;;
  esac
  for line in "\${(@)lines[2,-1]}"; do
    names+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  -- }")
  done
  (( $#names )) && compadd -l "$space[@]" -d shown -a names
}
if [[ $funcstack[1] == _clusterctl ]]; then
  _clusterctl "$@"
else
  compdef _clusterctl clusterctl
fi
`;

const fish = `# Completion of clusterctl for fish: clusterctl completion fish | source in config.fish,
# or this text as ~/.config/fish/completions/clusterctl.fish.
function __clusterctl_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($typed[1] __complete -- $typed[2..-1] "$current" 2>/dev/null)
    set -l prefix (string match -r -- '^-[^=]*=' "$current")
    set -l path (string replace -r -- '^-[^=]*=' '' "$current")
    switch "$lines[1]"
        case files
            for one in (__fish_complete_path "$path")
                echo "$prefix$one"
            end
        case folders
            for one in (__fish_complete_directories "$path" '')
                echo "$prefix$one"
            end
        case '*'
            string join -- \\n $lines[2..-1]
    end
end
complete -c clusterctl -f -a '(__clusterctl_complete)'
`;

/** By the name of the shell. */
export const completionScripts: ReadonlyMap<string, string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
]);
