/* The scripts by which a shell asks `jobhost __complete` (complete.h). */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli.h"

static const char bash[] =
    "# bash completion for jobhost: eval \"$(jobhost completion bash)\"\n"
    "_jobhost() {\n"
    "    local line rest prefix file what breaks=${COMP_WORDBREAKS//[^=:@]/}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        if [[ $line != :* ]]; then\n"
    "            COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
    "            continue\n"
    "        fi\n"
    "        rest=${line#*$'\\t'} prefix=${rest%%$'\\t'*} what=-f\n"
    "        [[ $line == :folders* ]] && what=-d\n"
    "        while IFS= read -r file; do\n"
    "            if [[ $prefix ]]; then printf -v file %q \"$file\"; else compopt -o filenames; "
    "fi\n"
    "            COMPREPLY+=(\"$prefix$file\")\n"
    "        done < <(compgen \"$what\" -- \"${rest#*$'\\t'}\")\n"
    "    done < <(\"$1\" __complete \"bash$breaks\" \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
    "2>/dev/null)\n"
    "}\n"
    "complete -F _jobhost jobhost\n";

static const char zsh[] =
    "#compdef jobhost\n"
    "# zsh completion for jobhost: eval \"$(jobhost completion zsh)\" behind compinit\n"
    "_jobhost() {\n"
    "    local line rest\n"
    "    local -a values\n"
    "    for line in \"${(@f)$(\"${(Q)words[1]}\" __complete zsh \"${(@Q)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "        if [[ $line == :* ]]; then\n"
    "            rest=${line#*$'\\t'}\n"
    "            compset -P \"${(b)rest%%$'\\t'*}\"\n"
    "            if [[ $line == :folders* ]]; then _files -/; else _files; fi\n"
    "        elif [[ -n $line ]]; then\n"
    "            values+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "        fi\n"
    "    done\n"
    "    (( $#values )) && _describe -t values jobhost values\n"
    "}\n"
    "if [[ $funcstack[1] == _jobhost ]]; then _jobhost \"$@\"; else compdef _jobhost jobhost; fi\n";

static const char fish[] =
    "# fish completion for jobhost: jobhost completion fish | source\n"
    "function __jobhost_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l program $words[1]\n"
    "    set -e words[1]\n"
    "    set -l current (commandline -ct)\n"
    "    for line in ($program __complete fish $words \"$current\" 2>/dev/null)\n"
    "        if not string match -q ':*' -- $line\n"
    "            echo $line\n"
    "            continue\n"
    "        end\n"
    "        set -l parts (string split \\t -- $line)\n"
    "        for file in (__fish_complete_path $parts[3])\n"
    "            echo $parts[2]$file\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c jobhost -f -a '(__jobhost_complete)'\n";

int cmd_completion(struct cli *cli) {
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(scripts[i].shell, cli->args[0]) == 0) {
            (void)fputs(scripts[i].script, stdout);
            return CLI_OK;
        }
    }
    return cli_usage(cli, "%s: the shells known here are bash, zsh and fish", cli->args[0]);
}
