#compdef patchmake carectl gocare-dpkg gocare-rpm
# zsh completion of patchmake, carectl, gocare-dpkg and gocare-rpm, which answer for themselves.
local -a command answers
command=(${words[1,CURRENT-1]})
[[ ${words[CURRENT]} == -* ]] && command+=(${words[CURRENT]})
answers=(${(f)"$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 $command --generate-bash-completion 2>/dev/null)"})
_describe 'values' answers
_files
