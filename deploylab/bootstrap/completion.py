"""Scripts that let TAB complete `./lab` in a shell. They need nothing installed: a shell may read one as it starts.

On TAB such a script starts `lab` with what is typed so far in the environment, and Typer answers with a line for each
value: VALUE, a tab, HELP. Where it has no value, the shell offers names of files. The same protocol serves all three
shells: it is the one that Typer has for fish.
"""

import shlex

from deploylab.bootstrap import clone

ASK = f"""\
env {clone.COMPLETING}=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS="$line" \
LAB_FILE 2>/dev/null </dev/null"""

# Bash takes `nginx:sync` and `--view=wait` for several words and puts in the last: what stands before it is cut off.
BASH = """\
_deploylab() {
    local line=${COMP_LINE:0:COMP_POINT} value help
    local word=${line##*[[:space:]]}
    local before=
    [[ $COMP_WORDBREAKS == *:* ]] && before=${word%"${word##*:}"}
    COMPREPLY=()
    while IFS=$'\\t' read -r value help; do
        [[ $help ]] && COMPREPLY+=("${value#"$before"}")
    done < <(ASK)
}
complete -o default -F _deploylab lab
"""

# `compinit -D`: where completion is not switched on yet, it is now, without a file of its own in the home.
ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -D -i }
_deploylab() {
    local line="${(j: :)words[1,CURRENT]}" answer
    local -a described
    for answer in "${(@f)$(ASK)}"; do
        [[ $answer == *$'\\t'* ]] && described+=("${${answer%%$'\\t'*}//:/\\\\:}:${answer#*$'\\t'}")
    done
    compset -P '--*='
    if (( $#described )); then _describe lab described; else _files; fi
}
compdef _deploylab lab
"""

FISH = """\
function __deploylab
    set -l line (commandline --cut-at-cursor --current-process | string collect)
    set -l answers (ASK)
    if string match --quiet \\*\\t\\* -- $answers
        set -l option (commandline --current-token | string match --regex '^--[^=]+=')
        printf "$option%s\\n" $answers
    else
        __fish_complete_path (commandline --cut-at-cursor --current-token)
    end
end
complete --command lab --erase
complete --command lab --no-files --arguments '(__deploylab)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
SHELLS = (*SCRIPTS,)


def script(shell: str) -> str:
    """What the shell is to read, for `lab` of this clone.

    Args:
        shell: one of `SHELLS`.
    """
    return SCRIPTS[shell].replace("ASK", ASK).replace("LAB_FILE", shlex.quote(clone.inside("lab")))
