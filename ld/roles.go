package ld

// roles lists what the loader does more with than to map it; index says which section of a Joined an output is.
func (j *joiner) roles(joined *Joined, index []int) error {
	for u, r := range j.units {
		for _, role := range r.Unit.Roles {
			sym, err := label(r.Unit.Object, role.Symbol, r.Unit.Name)
			if err != nil {
				return err
			}
			at, err := j.inPatch(u, sym)
			if err != nil {
				return err
			}
			at.Index = index[at.Index]
			joined.Roles = append(joined.Roles, JoinedRole{Role: role.Role, Name: role.Name, At: at, Size: sym.Size})
		}
	}
	return nil
}
