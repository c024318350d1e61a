package eventgateway

// ValidHeaderName reports whether name can name an HTTP header field.
func ValidHeaderName(name string) bool { return isToken(name) }

// ValidHeaderValue reports whether value can be that of an HTTP header field: no control characters but the tab.
func ValidHeaderValue(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
