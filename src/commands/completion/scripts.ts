/** Each script asks depot itself what can stand there, and leaves files to the shell. */

const bash = `# depot: completion for bash. In ~/.bashrc: source <(depot completion bash)
_depot() {
  local current=\${COMP_WORDS[COMP_CWORD]} line file
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o filenames 2>/dev/null
        while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$current") ;;
      :directories) compopt -o filenames 2>/dev/null
        while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -d -- "$current") ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <(depot completion candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _depot depot
`;

const zsh = `#compdef depot
# depot: completion for zsh.
_depot() {
  local line
  local -a found
  while IFS= read -r line; do
    case $line in
      :files) _files ;;
      :directories) _files -/ ;;
      *) found+=("$line") ;;
    esac
  done < <(depot completion candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#found} )) && compadd -- "\${found[@]}"
}
if [ "$funcstack[1]" = "_depot" ]; then _depot "$@"; else compdef _depot depot; fi
`;

const fish = `# depot: completion for fish.
function __depot_candidates
  set -l typed (commandline -opc) (commandline -ct)
  for line in (depot completion candidates -- $typed[2..-1] 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path (commandline -ct)
      case ':directories'
        __fish_complete_directories (commandline -ct)
      case '*'
        echo $line
    end
  end
end
complete -c depot -f -a '(__depot_candidates)'
`;

/** Words go in a variable: PowerShell drops an empty argument, and `--` before it reaches the script that npm installs. */
const powershell = `# depot: completion for PowerShell. In $PROFILE: depot completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName depot, depot.cmd, depot.exe -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
    ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
  if ($wordToComplete -eq '') { $words += '' } elseif ($words.Count -gt 0) { $words[-1] = $wordToComplete }
  $env:DEPOT_COMPLETION_WORDS = $words -join [char]10
  $found = @(depot completion candidates 2>$null)
  $env:DEPOT_COMPLETION_WORDS = $null
  foreach ($line in $found) {
    if ($line -eq ':files') { [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete) }
    elseif ($line -eq ':directories') {
      [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete) |
        Where-Object { $_.ResultType -eq 'ProviderContainer' }
    }
    else { [System.Management.Automation.CompletionResult]::new($line, $line, 'ParameterValue', $line) }
  }
}
`;

export function script(shell: 'bash' | 'zsh' | 'fish' | 'powershell'): string {
  return { bash, zsh, fish, powershell }[shell];
}
