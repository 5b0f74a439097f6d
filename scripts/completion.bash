# bash completion of patchmake, carectl, gocare-dpkg and gocare-rpm, which answer for themselves.
_gocare_complete() {
	local cur=${COMP_WORDS[COMP_CWORD]} words line
	words=("${COMP_WORDS[@]:0:COMP_CWORD}")
	case $cur in -*) words+=("$cur") ;; esac
	COMPREPLY=()
	while IFS= read -r line; do
		line=${line%%:*} # the rest describes it
		[[ $line == "$cur"* ]] && COMPREPLY+=("$line")
	done < <("${words[@]}" --generate-bash-completion 2>/dev/null)
}
complete -o bashdefault -o default -F _gocare_complete patchmake carectl gocare-dpkg gocare-rpm
